#pragma once

#include <QDialog>
#include <QDialogButtonBox>
#include <QPushButton>

namespace hilum::panels {

/// A button that answers a question: remembers its answer and closes the dialog, as rejected when the answer is Cancel.
template <class Answer>
QPushButton* addAnswer(QDialog* dialog, QDialogButtonBox* buttons, Answer& given, Answer answer, const QString& words, const char* objectName, const QString& tip,
                       QDialogButtonBox::ButtonRole role)
{
    QPushButton* button = buttons->addButton(words, role);
    button->setObjectName(QString::fromLatin1(objectName));
    button->setToolTip(tip);
    QObject::connect(button, &QPushButton::clicked, dialog, [dialog, &given, answer] {
        given = answer;
        answer == Answer::Cancel ? dialog->reject() : dialog->accept();
    });
    return button;
}

} // namespace hilum::panels
